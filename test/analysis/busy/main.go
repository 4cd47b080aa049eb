// Command busy keeps the scheduler at work for a moment: it is run under GODEBUG=schedtrace.
package main

import (
	"os"
	"runtime"
	"sync"
	"time"
)

func main() {
	locked := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		<-locked
	}()
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for until := time.Now().Add(500 * time.Millisecond); time.Now().Before(until); {
			}
		}()
	}
	for i := 0; i < 20; i++ {
		go func() { time.Sleep(time.Hour) }()
	}
	read, _, _ := os.Pipe()
	go func() { read.Read(make([]byte, 1)) }()
	group.Wait()
}
