// Command eventdump-v1 judges the v1 trace reader: it prints what Go's own reader makes of traces.
//
//	eventdump-v1 events FILE      one JSON array per event
//	eventdump-v1 verdicts DIR     one JSON array [name, events, error] per file
//	eventdump-v1 time FILE RUNS   [nanoseconds, events, peak resident KiB so far, CPU nanoseconds] of each run
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/exp/trace"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: eventdump-v1 events FILE | verdicts DIR | time FILE RUNS")
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	switch os.Args[1] {
	case "events":
		events(os.Args[2], enc)
	case "verdicts":
		verdicts(os.Args[2], enc)
	case "time":
		runs, err := strconv.Atoi(os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		measure(os.Args[2], runs, enc)
	default:
		log.Fatalf("unknown mode %q", os.Args[1])
	}
}

func events(file string, enc *json.Encoder) {
	f, err := os.Open(file)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	r, err := trace.NewReader(f)
	if err != nil {
		log.Fatal(err)
	}
	for {
		ev, err := r.ReadEvent()
		if err == io.EOF {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		if err := enc.Encode(row(ev)); err != nil {
			log.Fatal(err)
		}
	}
}

// row is everything the public interface tells of an event.
func row(ev trace.Event) []any {
	out := []any{int64(ev.Time()), ev.Kind().String(), int64(ev.Goroutine()), int64(ev.Proc()), int64(ev.Thread())}
	switch ev.Kind() {
	case trace.EventSync:
		out = append(out, ev.Sync().N)
	case trace.EventMetric:
		m := ev.Metric()
		out = append(out, m.Name, int64(m.Value.Uint64()))
	case trace.EventLabel:
		l := ev.Label()
		out = append(out, l.Label, l.Resource.String())
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		r := ev.Range()
		out = append(out, r.Name, r.Scope.String())
		if ev.Kind() == trace.EventRangeEnd {
			for _, a := range ev.RangeAttributes() {
				out = append(out, a.Name, int64(a.Value.Uint64()))
			}
		}
	case trace.EventTaskBegin, trace.EventTaskEnd:
		t := ev.Task()
		out = append(out, int64(t.ID), int64(t.Parent), t.Type)
	case trace.EventRegionBegin, trace.EventRegionEnd:
		r := ev.Region()
		out = append(out, int64(r.Task), r.Type)
	case trace.EventLog:
		l := ev.Log()
		out = append(out, int64(l.Task), l.Category, l.Message)
	case trace.EventStateTransition:
		s := ev.StateTransition()
		from, to := "", ""
		if s.Resource.Kind == trace.ResourceGoroutine {
			f, t := s.Goroutine()
			from, to = f.String(), t.String()
		} else {
			f, t := s.Proc()
			from, to = f.String(), t.String()
		}
		out = append(out, s.Resource.String(), from, to, s.Reason, stack(s.Stack))
	}
	return append(out, stack(ev.Stack()))
}

// stack is the whole of a stack, leaf first.
func stack(s trace.Stack) []any {
	out := []any{}
	for f := range s.Frames() {
		out = append(out, fmt.Sprintf("%#x %s %s:%d", f.PC, f.Func, f.File, f.Line))
	}
	return out
}

func verdicts(dir string, enc *json.Encoder) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			log.Fatal(err)
		}
		n, err := count(data)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if err := enc.Encode([]any{e.Name(), n, message}); err != nil {
			log.Fatal(err)
		}
	}
}

// count reads all events; a panic of the reader is an error of its own kind.
func count(data []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	r, err := trace.NewReader(bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	for {
		_, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n++
	}
}

func measure(file string, runs int, enc *json.Encoder) {
	data, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	for range runs {
		var before syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
			log.Fatal(err)
		}
		start := time.Now()
		n, err := count(data)
		if err != nil {
			log.Fatal(err)
		}
		took := time.Since(start).Nanoseconds()
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			log.Fatal(err)
		}
		cpu := usage.Utime.Nano() + usage.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		if err := enc.Encode([]any{took, n, usage.Maxrss, cpu}); err != nil {
			log.Fatal(err)
		}
	}
}
