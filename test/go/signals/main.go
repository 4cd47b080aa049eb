// Command signals makes one condition after another, each under the execution tracer, and writes the trace to a file:
//
//	signals SCENARIO FILE
//	signals contend
//	signals zoo
//
// The latter are no traces: they serve their profiles until they are killed, and print where. The first waits for locks;
// the second does that, holds memory and threads, and makes more runnable than can run, twice a second.
//
// It is what the tests of the trace signals look at: each scenario shows some signals, and is quiet in others.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sync"
	"time"
)

var scenarios = map[string]func(){
	"requests": requests,
	"leak":     leak,
	"calm":     calm,
	"garbage":  garbage,
	"burn":     burn,
	"hang":     hang,
	"crowd":    crowd,
	"steps":    steps,
	"relay":    relay,
}

func main() {
	switch os.Args[1] {
	case "contend":
		contend()
	case "zoo":
		zoo()
	}
	scenario, ok := scenarios[os.Args[1]]
	if !ok {
		must(fmt.Errorf("no scenario %s, or not with this Go", os.Args[1]))
	}
	file, err := os.Create(os.Args[2])
	must(err)
	must(trace.Start(file))
	scenario()
	trace.Stop()
	must(file.Close())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fast(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(2 * time.Millisecond)
	fmt.Fprintln(w, "fast")
}

func slow(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(80 * time.Millisecond)
	fmt.Fprintln(w, "slow")
}

func stuck(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}

// requests serves 40 fast and 5 slow requests, and one that is stuck until the end. No tasks.
func requests() {
	mux := http.NewServeMux()
	mux.HandleFunc("/fast", fast)
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/stuck", stuck)
	server := httptest.NewServer(mux)
	get := func(ctx context.Context, path string) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		must(err)
		response, err := server.Client().Do(request)
		if err != nil {
			return
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var stuckRequest sync.WaitGroup
	stuckRequest.Add(1)
	go func() {
		defer stuckRequest.Done()
		get(ctx, "/stuck")
	}()
	for i := 0; i < 40; i++ {
		get(context.Background(), "/fast")
		if i%8 == 7 {
			get(context.Background(), "/slow")
		}
	}
	time.Sleep(1200 * time.Millisecond)
	trace.Stop()
	cancel()
	stuckRequest.Wait()
	server.Close()
}

func leaked(never chan int) { <-never }

// leak starts 50 goroutines that nobody ever wakes.
func leak() {
	never := make(chan int)
	for i := 0; i < 50; i++ {
		go leaked(never)
	}
	time.Sleep(1300 * time.Millisecond)
	runtime.KeepAlive(never)
}

// calm does next to nothing.
func calm() {
	for i := 0; i < 12; i++ {
		time.Sleep(100 * time.Millisecond)
	}
}

var sink [64][]byte

// garbage allocates as fast as it can with a collector that hardly gets a rest.
func garbage() {
	debug.SetGCPercent(5)
	var wait sync.WaitGroup
	for w := 0; w < 4; w++ {
		wait.Add(1)
		go func(w int) {
			defer wait.Done()
			until := time.Now().Add(600 * time.Millisecond)
			keep := make([][]byte, 2000)
			for i := 0; time.Now().Before(until); i++ {
				keep[i%len(keep)] = make([]byte, 4096)
			}
			sink[w] = keep[0]
		}(w)
	}
	wait.Wait()
}

func spin(until time.Time) {
	for n := 0; time.Now().Before(until); n++ {
		for i := 0; i < 1000; i++ {
			n += i
		}
	}
}

// burn computes on every P for a second and a half. It says "burning" once all of them do.
func burn() {
	until := time.Now().Add(1500 * time.Millisecond)
	var wait, burning sync.WaitGroup
	for p := 0; p < runtime.GOMAXPROCS(0); p++ {
		wait.Add(1)
		burning.Add(1)
		go func() {
			defer wait.Done()
			spin(time.Now().Add(100 * time.Millisecond))
			burning.Done()
			spin(until)
		}()
	}
	burning.Wait()
	fmt.Println("burning")
	wait.Wait()
}

// hang begins a task with a region and a log record, and ends neither before the trace does.
func hang() {
	ctx, task := trace.NewTask(context.Background(), "import")
	region := trace.StartRegion(ctx, "download")
	trace.Log(ctx, "file", "orders.csv")
	time.Sleep(1300 * time.Millisecond)
	trace.Stop()
	region.End()
	task.End()
}

// crowd makes 200 goroutines runnable at once on one P.
func crowd() {
	runtime.GOMAXPROCS(1)
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := 0; i < 200; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			<-start
			spin(time.Now().Add(200 * time.Microsecond))
		}()
	}
	time.Sleep(20 * time.Millisecond)
	close(start)
	wait.Wait()
}

func hold(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	time.Sleep(5 * time.Millisecond)
}

// contend lets four goroutines wait for one mutex all the time, and serves profiles of it.
func contend() {
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	var mu sync.Mutex
	for i := 0; i < 4; i++ {
		go func() {
			for {
				hold(&mu)
			}
		}()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(listener.Addr())
	must(http.Serve(listener, nil))
}

// steps runs twenty quick tasks and a slow one, each with a region.
func steps() {
	step := func(name string, takes time.Duration) {
		ctx, task := trace.NewTask(context.Background(), name)
		trace.WithRegion(ctx, name+" step", func() { time.Sleep(takes) })
		task.End()
	}
	for i := 0; i < 20; i++ {
		step("quick", 2*time.Millisecond)
	}
	step("slow", 600*time.Millisecond)
}

// relay hands a baton round: whoever gets it is runnable while another P is still asleep.
func relay() {
	const runners = 8
	// Of a machine with few cores as well: a P is idle, whatever there is for it to run on.
	runtime.GOMAXPROCS(max(runners, runtime.GOMAXPROCS(0)))
	var hands [runners]chan int
	for i := range hands {
		hands[i] = make(chan int)
	}
	for i := range hands {
		go func() {
			for n := range hands[i] {
				if n > 0 {
					go spin(time.Now().Add(20 * time.Microsecond))
					hands[(i+1)%runners] <- n - 1
				}
			}
		}()
	}
	until := time.Now().Add(500 * time.Millisecond)
	for time.Now().Before(until) {
		hands[0] <- runners - 1
		time.Sleep(100 * time.Microsecond)
	}
}

var held []byte

func ballast() []byte { return make([]byte, 64<<20) }

func parked(never chan int) {
	runtime.LockOSThread()
	<-never
}

// zoo shows all that profiles and schedtrace lines can show.
func zoo() {
	held = ballast()
	runtime.GC()
	runtime.GC()
	never := make(chan int)
	for i := 0; i < 20; i++ {
		go parked(never)
	}
	go func() {
		for {
			for i := 0; i < 2000; i++ {
				go spin(time.Now().Add(50 * time.Microsecond))
			}
			time.Sleep(500 * time.Millisecond)
		}
	}()
	contend()
}
