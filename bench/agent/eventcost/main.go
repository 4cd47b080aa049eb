// Command eventcost measures the processor time of one execution-trace event: the same work without a trace and with
// one, interleaved, by the process's own accounting. It prints a JSON line a round and leaves the last trace in a file,
// for its events to be counted.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"syscall"
)

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return c.w.Write(p) }

// work hands a value to and fro n times between two goroutines, in as many pairs as there are Ps, with some work of its
// own each time, as a service has it.
func handoffs(n int) {
	var all sync.WaitGroup
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		ping, pong := make(chan int), make(chan int)
		all.Add(2)
		go func() {
			defer all.Done()
			for i := 0; i < n; i++ {
				ping <- i
				<-pong
			}
			close(ping)
		}()
		go func() {
			defer all.Done()
			for v := range ping {
				pong <- v
			}
		}()
	}
	all.Wait()
}

// regions marks what it does, n times.
func regions(n int) {
	ctx, task := trace.NewTask(context.Background(), "work")
	defer task.End()
	for i := 0; i < n; i++ {
		trace.WithRegion(ctx, "region", func() {})
	}
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func main() {
	kind := flag.String("work", "handoffs", "handoffs or regions")
	n := flag.Int("n", 200_000, "how many of them")
	rounds := flag.Int("rounds", 7, "rounds of both")
	path := flag.String("o", "eventcost.trace", "where the last trace goes")
	flag.Parse()
	work := handoffs
	if *kind == "regions" {
		work = regions
	}
	work(*n / 10)
	for r := 0; r < *rounds; r++ {
		before := cpuSeconds()
		work(*n)
		plain := cpuSeconds() - before

		file, err := os.Create(*path)
		if err != nil {
			panic(err)
		}
		out := &counter{w: io.Discard}
		if r == *rounds-1 {
			out.w = file
		}
		before = cpuSeconds()
		if err := trace.Start(out); err != nil {
			panic(err)
		}
		work(*n)
		trace.Stop()
		traced := cpuSeconds() - before
		file.Close()
		line, _ := json.Marshal(map[string]any{"plain": plain, "traced": traced, "bytes": out.n, "go": runtime.Version()})
		fmt.Println(string(line))
	}
}
