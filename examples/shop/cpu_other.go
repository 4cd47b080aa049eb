//go:build !unix

package main

// cpuSeconds is not known where there is no getrusage.
func cpuSeconds() float64 { return 0 }
