// Command oracle says what Go's own analysis (internal/trace) makes of a trace, for tests and benches to compare with.
// It is built as if it lay in GOROOT (go build -overlay), since nothing else may import internal/trace.
//
//	oracle summary FILE   reads and summarizes; prints how many events, goroutines and tasks, and what it cost
//	oracle mmu FILE       prints minimum mutator utilizations by options and window, and the points of the function
package main

import (
	"bufio"
	"encoding/json"
	"internal/trace"
	"io"
	"log"
	"os"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: oracle summary|mmu FILE")
	}
	file, err := os.Open(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	reader, err := trace.NewReader(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		log.Fatal(err)
	}
	var answer any
	switch os.Args[1] {
	case "summary":
		answer = summary(reader)
	case "mmu":
		answer = mmu(reader)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		log.Fatal(err)
	}
}

func each(reader *trace.Reader, use func(ev *trace.Event)) {
	for {
		ev, err := reader.ReadEvent()
		if err == io.EOF {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		use(&ev)
	}
}

func summary(reader *trace.Reader) any {
	begin := time.Now()
	summarizer := trace.NewSummarizer()
	events := 0
	each(reader, func(ev *trace.Event) {
		summarizer.Event(ev)
		events++
	})
	result := summarizer.Finalize()
	wall := time.Since(begin)
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		log.Fatal(err)
	}
	return map[string]any{
		"events":     events,
		"goroutines": len(result.Goroutines),
		"tasks":      len(result.Tasks),
		"ms":         wall.Milliseconds(),
		"cpu_ms":     (use.Utime.Nano() + use.Stime.Nano()) / 1e6,
		"peak_bytes": use.Maxrss * 1024,
	}
}

type curve struct {
	Flags int       `json:"flags"`
	Times []int64   `json:"times"`
	Utils []float64 `json:"utils"`
	// By window in ns.
	MMU map[int64]float64 `json:"mmu"`
	// The worst windows of 1 ms.
	Worst []float64 `json:"worst"`
}

func mmu(reader *trace.Reader) any {
	var events []trace.Event
	each(reader, func(ev *trace.Event) { events = append(events, *ev) })
	curves := []curve{}
	for flags := trace.UtilFlags(1); flags < 16; flags++ {
		series := trace.MutatorUtilizationV2(events, flags)
		c := curve{Flags: int(flags), MMU: map[int64]float64{}}
		for _, u := range series[0] {
			c.Times = append(c.Times, u.Time)
			c.Utils = append(c.Utils, u.Util)
		}
		mmu := trace.NewMMUCurve(series)
		for window := int64(10_000); window <= 1_000_000_000; window *= 10 {
			for _, w := range []int64{window, 2 * window, 5 * window} {
				c.MMU[w] = mmu.MMU(time.Duration(w))
			}
		}
		for _, w := range mmu.Examples(time.Millisecond, 3) {
			c.Worst = append(c.Worst, w.MutatorUtil)
		}
		curves = append(curves, c)
	}
	return curves
}
