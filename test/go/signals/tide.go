//go:build go1.25

package main

import (
	"context"
	"io"
	"runtime"
	"runtime/trace"
	"time"
)

func init() { scenarios["tide"] = tide }

// tide ends a generation with each step, however fast or busy the machine is; those that a log record of the category
// "tide" is in, since the runtime goes on to end one a second. What it shows is exact: how many goroutines are parked at
// each step's end, and how many tasks ended in it.
//
//	steps 1 to 30    20, 21 or 22 are parked; 5 tasks a step, one of which takes 25 ms and more
//	steps 31 to 35   100
//	steps 36 to 40   60
//	steps 41 to 45   100; the last tasks
//	steps 46 to 50   20
//	steps 51 to 55   120
//	steps 56 to 60   20
func tide() {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	must(recorder.Start())
	defer recorder.Stop()
	var park parking
	for step := 1; step <= 60; step++ {
		switch {
		case step <= 30:
			park.fill(20 + step%3)
		case step <= 35, step > 40 && step <= 45:
			park.fill(100)
		case step <= 40:
			park.fill(60)
		case step > 50 && step <= 55:
			park.fill(120)
		default:
			park.fill(20)
		}
		if step <= 45 {
			work()
		}
		trace.Log(context.Background(), "tide", "ends")
		// A recorder that writes what it has ends the generation first, of all traces that are on.
		_, err := recorder.WriteTo(io.Discard)
		must(err)
	}
	park.fill(0)
}

// work does five tasks, one of which is slow.
func work() {
	for i := 0; i < 5; i++ {
		ctx, task := trace.NewTask(context.Background(), "work")
		if i == 0 {
			trace.Log(ctx, "step", "slow")
			time.Sleep(25 * time.Millisecond)
		}
		task.End()
	}
}

// parking holds goroutines that wait to be let go.
type parking struct {
	leave []chan struct{}
}

func (p *parking) fill(count int) {
	for len(p.leave) < count {
		leave := make(chan struct{})
		p.leave = append(p.leave, leave)
		go waiter(leave)
	}
	before := runtime.NumGoroutine()
	leaving := len(p.leave) - count
	for _, leave := range p.leave[count:] {
		close(leave)
	}
	p.leave = p.leave[:count]
	for leaving > 0 && runtime.NumGoroutine() > before-leaving {
		time.Sleep(100 * time.Microsecond)
	}
}

func waiter(leave chan struct{}) { <-leave }
