// Command eventdump is the judge of the trace reader: Go's own reader (golang.org/x/exp/trace).
//
//	eventdump events FILE          every event as Event.String prints it
//	eventdump verdicts LIST        for each file named in LIST: "EVENTS LAST_TIME ERROR", one line
//	eventdump stream FILE          reads the file from disk: "NANOSECONDS EVENTS PEAK_RSS_KB"
//	eventdump time FILE RUNS       "WALL_NS THREAD_CPU_NS EVENTS" of each run of the ReadEvent loop, file in memory
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/exp/trace"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: eventdump events FILE | verdicts LIST | stream FILE | time FILE RUNS")
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	switch os.Args[1] {
	case "events":
		events(os.Args[2], out)
	case "verdicts":
		verdicts(os.Args[2], out)
	case "stream":
		stream(os.Args[2], out)
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
		n, last, err := read(bytes.NewReader(data))
		message := "ok"
		if err != nil {
			message, _, _ = strings.Cut(err.Error(), "\n")
		}
		fmt.Fprintln(out, n, int64(last), message)
	}
}

// read counts all events; a panic of the reader is reported as such.
func read(from io.Reader) (n int, last trace.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	r, err := trace.NewReader(from)
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

func stream(name string, out *bufio.Writer) {
	f, err := os.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	start := time.Now()
	n, _, err := read(f)
	if err != nil {
		log.Fatal(err)
	}
	elapsed := time.Since(start)
	fmt.Fprintln(out, elapsed.Nanoseconds(), n, peakKB())
}

// peakKB is VmHWM; ru_maxrss would count the parent's memory before exec.
func peakKB() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		log.Fatal(err)
	}
	return kb
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
	// Only the reading thread is counted: what the garbage collector does beside it is not held against Go.
	runtime.LockOSThread()
	for range count {
		start, cpu := time.Now(), threadCPU()
		n, _, err := read(bytes.NewReader(data))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(out, time.Since(start).Nanoseconds(), threadCPU()-cpu, n)
		out.Flush()
	}
}

func threadCPU() int64 {
	const thread = 1 // RUSAGE_THREAD
	var use syscall.Rusage
	if err := syscall.Getrusage(thread, &use); err != nil {
		log.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}
