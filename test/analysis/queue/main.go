// Command queue makes goroutines wait in ways that go tool trace's profiles lose, and traces itself: created behind a
// proc that is taken, blocked since before the trace, blocked when it ends.
//
//	GOMAXPROCS=1 queue FILE
package main

import (
	"log"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"time"
)

func spin(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
	}
}

func queued(group *sync.WaitGroup) {
	defer group.Done()
	spin(time.Millisecond)
}

func stuckBefore(never chan int) { <-never }

func stuckInside(never chan int) { never <- 1 }

func main() {
	never, other := make(chan int), make(chan int)
	for i := 0; i < 7; i++ {
		go stuckBefore(never)
	}
	runtime.Gosched()
	time.Sleep(time.Millisecond)
	file, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := trace.Start(file); err != nil {
		log.Fatal(err)
	}
	for i := 0; i < 3; i++ {
		go stuckInside(other)
	}
	time.Sleep(time.Millisecond)
	var group sync.WaitGroup
	group.Add(20)
	for i := 0; i < 20; i++ {
		go queued(&group)
	}
	spin(5 * time.Millisecond)
	group.Wait()
	trace.Stop()
}
