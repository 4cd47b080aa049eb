// Command steady is a service with a steady rate of work, and of trace: requests that are tasks, hand work to other
// goroutines, wait for a lock, for a timer and for the system. It serves /debug/pprof/trace, and /requests: how many there
// were. It says where on stdout.
//
//	steady -requests 20000 [-flight-recorder]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

var (
	answered atomic.Int64
	stock    sync.Mutex
	reply    = make(chan chan int, 256)
	null, _  = os.OpenFile("/dev/null", os.O_WRONLY, 0)
)

func main() {
	requests := flag.Int("requests", 1000, "requests a second")
	record := flag.Bool("flight-recorder", false, "run Go's own flight recorder")
	flag.Parse()
	if *record {
		if err := trace.NewFlightRecorder(trace.FlightRecorderConfig{}).Start(); err != nil {
			log.Fatal(err)
		}
	}
	http.HandleFunc("/requests", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, answered.Load()) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	for range 8 {
		go backend()
	}
	go load(*requests)
	line, _ := json.Marshal(map[string]string{"event": "listening", "debug_addr": listener.Addr().String()})
	fmt.Println(string(line))
	log.Fatal(http.Serve(listener, nil))
}

// load starts as many requests as are due, every millisecond. Those that are late are left out, not made up for.
func load(rate int) {
	began, sent := time.Now(), 0
	for range time.Tick(time.Millisecond) {
		due := int(time.Since(began).Seconds() * float64(rate))
		for sent = max(sent, due-rate/100); sent < due; sent++ {
			go request(sent)
		}
	}
}

func request(n int) {
	ctx, task := trace.NewTask(context.Background(), kinds[n%len(kinds)])
	defer answered.Add(1)
	defer task.End()
	trace.WithRegion(ctx, "reserve", func() {
		stock.Lock()
		defer stock.Unlock()
		null.Write([]byte{1})
	})
	answer := make(chan int)
	trace.WithRegion(ctx, "pay", func() {
		for range 4 {
			reply <- answer
			<-answer
		}
	})
	if n%16 == 0 {
		trace.Log(ctx, "order", "slow")
		time.Sleep(5 * time.Millisecond)
	}
}

var kinds = []string{"checkout", "search", "product", "login", "cart"}

func backend() {
	for answer := range reply {
		answer <- 1
	}
}
