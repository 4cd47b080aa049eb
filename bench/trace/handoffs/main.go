// Command handoffs writes a large execution trace: many short goroutines and channel hand-offs, some syscalls, tasks
// and garbage, for a given time. 12 s of it make about 400 MB.
//
//	handoffs -out FILE -seconds 12
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	out := flag.String("out", "", "file to write the trace to")
	seconds := flag.Float64("seconds", 12, "how long to run")
	workers := flag.Int("workers", 64, "pairs of goroutines that hand values to each other")
	flag.Parse()
	f, err := os.Create(*out)
	if err != nil {
		log.Fatal(err)
	}
	if err := trace.Start(f); err != nil {
		log.Fatal(err)
	}
	var stop atomic.Bool
	var group sync.WaitGroup
	for w := 0; w < *workers; w++ {
		ping, pong := make(chan int), make(chan int)
		group.Add(2)
		go func() {
			defer group.Done()
			for n := range ping {
				pong <- n
			}
			close(pong)
		}()
		go func() {
			defer group.Done()
			for n := 0; !stop.Load(); n++ {
				ping <- n
				<-pong
				if n%4 == 0 {
					short(n)
				}
			}
			close(ping)
			for range pong {
			}
		}()
	}
	time.Sleep(time.Duration(*seconds * float64(time.Second)))
	stop.Store(true)
	group.Wait()
	trace.Stop()
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}

var sink atomic.Pointer[[]byte]

// short runs two goroutines to their end; now and then within a task, with a region, a log line and a syscall.
func short(n int) {
	var group sync.WaitGroup
	for i := 0; i < 2; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			b := make([]byte, 512)
			sink.Store(&b)
		}()
	}
	group.Wait()
	if n%64 == 0 {
		ctx, task := trace.NewTask(context.Background(), "short")
		trace.WithRegion(ctx, "stat", func() {
			os.Stat("/")
			trace.Log(ctx, "kind", "short")
		})
		task.End()
	}
}
