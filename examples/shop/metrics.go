package main

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"time"
)

// bounds are the upper bounds of the latency histogram's buckets, in seconds.
var bounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}

// metrics holds the request latencies and writes them in Prometheus' text format.
type metrics struct {
	started  time.Time
	mu       sync.Mutex
	handlers map[string]*histogram
}

type histogram struct {
	buckets []uint64
	count   uint64
	sum     float64
	codes   map[int]uint64
}

func newMetrics() *metrics {
	return &metrics{started: time.Now(), handlers: map[string]*histogram{}}
}

// observe measures every request that next answers, under the name handler.
func (m *metrics) observe(handler string, next http.Handler) http.Handler {
	h := &histogram{buckets: make([]uint64, len(bounds)), codes: map[int]uint64{}}
	m.handlers[handler] = h
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		seconds := time.Since(started).Seconds()
		m.mu.Lock()
		defer m.mu.Unlock()
		h.count++
		h.sum += seconds
		h.codes[recorder.status]++
		if i := sort.SearchFloat64s(bounds, seconds); i < len(bounds) {
			h.buckets[i]++
		}
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	head(w, "go_info", "gauge", "Information about the Go environment.")
	fmt.Fprintf(w, "go_info{version=%q} 1\n", runtime.Version())
	one(w, "go_goroutines", "gauge", "Number of goroutines that currently exist.", float64(runtime.NumGoroutine()))
	one(w, "go_memstats_heap_alloc_bytes", "gauge", "Number of heap bytes allocated and still in use.", float64(mem.HeapAlloc))
	one(w, "go_memstats_alloc_bytes_total", "counter", "Total number of bytes allocated, even if freed.", float64(mem.TotalAlloc))
	one(w, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", cpuSeconds())
	one(w, "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", float64(m.started.UnixMilli())/1000)
	m.writeRequests(w)
}

func (m *metrics) writeRequests(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.handlers))
	for name := range m.handlers {
		names = append(names, name)
	}
	sort.Strings(names)

	head(w, "http_requests_total", "counter", "Requests answered, by handler and status code.")
	for _, name := range names {
		codes := make([]int, 0, len(m.handlers[name].codes))
		for code := range m.handlers[name].codes {
			codes = append(codes, code)
		}
		sort.Ints(codes)
		for _, code := range codes {
			fmt.Fprintf(w, "http_requests_total{handler=%q,code=\"%d\"} %d\n", name, code, m.handlers[name].codes[code])
		}
	}
	head(w, "http_request_duration_seconds", "histogram", "How long requests took, by handler.")
	for _, name := range names {
		h, below := m.handlers[name], uint64(0)
		for i, bound := range bounds {
			below += h.buckets[i]
			fmt.Fprintf(w, "http_request_duration_seconds_bucket{handler=%q,le=%q} %d\n", name, number(bound), below)
		}
		fmt.Fprintf(w, "http_request_duration_seconds_bucket{handler=%q,le=\"+Inf\"} %d\n", name, h.count)
		fmt.Fprintf(w, "http_request_duration_seconds_sum{handler=%q} %s\n", name, number(h.sum))
		fmt.Fprintf(w, "http_request_duration_seconds_count{handler=%q} %d\n", name, h.count)
	}
}

func head(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func one(w io.Writer, name, kind, help string, value float64) {
	head(w, name, kind, help)
	fmt.Fprintf(w, "%s %s\n", name, number(value))
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
