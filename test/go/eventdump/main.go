// Command eventdump is the judge of the trace reader: Go's own reader (golang.org/x/exp/trace).
//
//	eventdump events FILE          every event as Event.String prints it
//	eventdump verdicts LIST        for each file named in LIST: "EVENTS LAST_TIME ERROR", one line
//	eventdump time FILE RUNS       "NANOSECONDS EVENTS" of each run of the ReadEvent loop, file in memory
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/exp/trace"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: eventdump events FILE | verdicts LIST | time FILE RUNS")
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	switch os.Args[1] {
	case "events":
		events(os.Args[2], out)
	case "verdicts":
		verdicts(os.Args[2], out)
	case "time":
		measure(os.Args[2], os.Args[3], out)
	default:
		log.Fatalf("unknown mode %q", os.Args[1])
	}
}

func events(name string, out *bufio.Writer) {
	f, err := os.Open(name)
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
			out.Flush()
			log.Fatal(err)
		}
		fmt.Fprintln(out, ev.String())
	}
}

func verdicts(list string, out *bufio.Writer) {
	names, err := os.ReadFile(list)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range strings.Fields(string(names)) {
		data, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		n, last, err := read(data)
		message := "ok"
		if err != nil {
			message, _, _ = strings.Cut(err.Error(), "\n")
		}
		fmt.Fprintln(out, n, int64(last), message)
	}
}

// read counts all events; a panic of the reader is reported as such.
func read(data []byte) (n int, last trace.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	r, err := trace.NewReader(bytes.NewReader(data))
	if err != nil {
		return 0, 0, err
	}
	for {
		ev, err := r.ReadEvent()
		if err == io.EOF {
			return n, last, nil
		}
		if err != nil {
			return n, last, err
		}
		last = ev.Time()
		n++
	}
}

func measure(name, runs string, out *bufio.Writer) {
	data, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	count, err := strconv.Atoi(runs)
	if err != nil {
		log.Fatal(err)
	}
	for range count {
		start := time.Now()
		n, _, err := read(data)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(out, time.Since(start).Nanoseconds(), n)
		out.Flush()
	}
}
