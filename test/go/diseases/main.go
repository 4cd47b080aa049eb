// Command diseases runs a small service that has exactly one disease, under the execution tracer:
//
//	diseases NAME FILE
//
// Its work is annotated with tasks of type "order". The tests of the findings look at the traces: each must be
// diagnosed with its disease, and healthy with none.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Each gets an end: when it is closed the trace is long enough.
var diseases = map[string]func(end <-chan struct{}){
	"healthy":      healthy,
	"mutex":        mutex,
	"convoy":       convoy,
	"backpressure": backpressure,
	"saturation":   saturation,
	"oneproc":      oneProc,
	"gc":           garbage,
	"stw":          longStop,
	"network":      slowNetwork,
	"syscalls":     syscalls,
	"straggler":    straggler,
	"leak":         leak,
	"sleep":        sleeps,
	"requests":     requests,
	"frozen":       frozen,
}

const duration = 1200 * time.Millisecond

func main() {
	disease := diseases[os.Args[1]]
	if disease == nil {
		fmt.Fprintln(os.Stderr, "no such disease:", os.Args[1])
		os.Exit(2)
	}
	if os.Args[1] == "stw" && os.Getenv("GODEBUG") == "" {
		self, err := os.Executable()
		must(err)
		must(syscall.Exec(self, os.Args, append(os.Environ(), "GODEBUG=asyncpreemptoff=1")))
	}
	runtime.GOMAXPROCS(4)
	file, err := os.Create(os.Args[2])
	must(err)
	if os.Args[1] == "oneproc" {
		runtime.GOMAXPROCS(1)
	}
	must(trace.Start(file))
	end := make(chan struct{})
	time.AfterFunc(duration, func() { close(end) })
	disease(end)
	trace.Stop()
	must(file.Close())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// order is one task.
func order(work func()) {
	_, task := trace.NewTask(context.Background(), "order")
	work()
	task.End()
}

// repeat does work over and over on n goroutines until the end, with a pause after each.
func repeat(n int, pause time.Duration, end <-chan struct{}, work func()) {
	var group sync.WaitGroup
	for range n {
		group.Add(1)
		go func() {
			defer group.Done()
			for !over(end) {
				work()
				if pause > 0 {
					time.Sleep(pause)
				}
			}
		}()
	}
	group.Wait()
}

func over(end <-chan struct{}) bool {
	select {
	case <-end:
		return true
	default:
		return false
	}
}

var sink atomic.Uint64

// spin computes for about so many microseconds of processor time.
func spin(micros int) {
	var sum uint64
	for i := range micros * 1000 {
		sum = sum*31 + uint64(i)
	}
	sink.Add(sum)
}

func healthy(end <-chan struct{}) {
	repeat(2, 5*time.Millisecond, end, func() { order(func() { spin(200) }) })
}

var ledger sync.Mutex

// mutex: one goroutine works while it holds the lock that all orders need for a moment.
func mutex(end <-chan struct{}) {
	go func() {
		for !over(end) {
			rebuildIndex()
			time.Sleep(2 * time.Millisecond)
		}
	}()
	repeat(2, time.Millisecond, end, func() { order(lookUp) })
}

func rebuildIndex() {
	ledger.Lock()
	defer ledger.Unlock()
	time.Sleep(15 * time.Millisecond)
}

func lookUp() {
	ledger.Lock()
	defer ledger.Unlock()
	spin(20)
}

// convoy: all orders need one lock for all their work, and queue for it.
func convoy(end <-chan struct{}) {
	repeat(12, 0, end, func() { order(book) })
}

func book() {
	ledger.Lock()
	defer ledger.Unlock()
	time.Sleep(time.Millisecond)
}

// backpressure: orders are put on a full channel whose reader is slow.
func backpressure(end <-chan struct{}) {
	mail := make(chan int, 4)
	go func() {
		for range mail {
			time.Sleep(3 * time.Millisecond)
		}
	}()
	repeat(4, time.Millisecond, end, func() { order(func() { mail <- 1 }) })
	close(mail)
}

// saturation: far more work than processors.
func saturation(end <-chan struct{}) {
	repeat(24, 0, end, func() { order(func() { spin(8000) }) })
}

// oneProc: the work of several on one processor.
func oneProc(end <-chan struct{}) {
	repeat(6, 0, end, func() { order(func() { spin(8000) }) })
}

type node struct {
	next *node
	data [40]*node
}

var keep []*node

// garbage: a heap full of pointers, allocated fast and collected all the time.
func garbage(end <-chan struct{}) {
	debug.SetGCPercent(10)
	keep = make([]*node, 200_000)
	for i := range keep {
		keep[i] = &node{}
	}
	repeat(6, 0, end, func() {
		order(func() {
			for i := range 4000 {
				n := &node{next: keep[i%len(keep)]}
				keep[(i*7919)%len(keep)] = n
				n.next = nil
			}
		})
	})
}

// longStop: a loop that cannot be preempted, as an assembly loop, keeps everybody waiting at each collection. main
// turns asynchronous preemption off for it: how long a loop of the runtime's own takes depends on the machine's memory.
func longStop(end <-chan struct{}) {
	turns := turnsFor(50 * time.Millisecond)
	go func() {
		for !over(end) {
			grind(turns)
		}
	}()
	go func() {
		for !over(end) {
			time.Sleep(50 * time.Millisecond)
			runtime.GC()
		}
	}()
	repeat(2, 2*time.Millisecond, end, func() { order(func() { spin(200) }) })
}

// turnsFor gives how many turns of grind take about that long here.
func turnsFor(wanted time.Duration) uint64 {
	const probe = 4_000_000
	began := time.Now()
	grind(probe)
	return uint64(probe * float64(wanted) / float64(time.Since(began)))
}

// grind has no call in its loop, where it could be asked to stop.
func grind(turns uint64) {
	x := turns
	for i := uint64(0); i < turns; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	sink.Add(x)
}

// slowNetwork: a dependency that takes its time to answer.
func slowNetwork(end <-chan struct{}) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	repeat(3, time.Millisecond, end, func() { order(func() { askInventory(listener.Addr().String()) }) })
	must(listener.Close())
}

func answer(conn net.Conn) {
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil {
		time.Sleep(20 * time.Millisecond)
		io.WriteString(conn, line)
	}
}

func askInventory(address string) {
	conn, err := net.Dial("tcp", address)
	must(err)
	defer conn.Close()
	io.WriteString(conn, "how many?\n")
	_, err = bufio.NewReader(conn).ReadString('\n')
	must(err)
}

// syscalls: orders spend their time in the kernel.
func syscalls(end <-chan struct{}) {
	repeat(3, time.Millisecond, end, func() { order(func() { flush() }) })
}

func flush() {
	wait := syscall.NsecToTimespec(int64(5 * time.Millisecond))
	syscall.Nanosleep(&wait, nil)
}

// straggler: an order asks eight shards, and one of them is late.
func straggler(end <-chan struct{}) {
	repeat(2, time.Millisecond, end, func() { order(askShards) })
}

func askShards() {
	var group sync.WaitGroup
	for shard := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			askShard(shard)
		}()
	}
	group.Wait()
}

func askShard(shard int) {
	if shard == 3 {
		time.Sleep(25 * time.Millisecond)
	} else {
		time.Sleep(time.Millisecond)
	}
}

// leak: each order leaves a goroutine behind that waits for an answer nobody gives.
func leak(end <-chan struct{}) {
	repeat(2, 2*time.Millisecond, end, func() { order(notify) })
}

func notify() {
	answer := make(chan int)
	go func() { answer <- 1 }()
	spin(50)
}

// sleeps: orders wait for a timer.
func sleeps(end <-chan struct{}) {
	repeat(3, time.Millisecond, end, func() { order(pollUntilReady) })
}

func pollUntilReady() {
	for range 4 {
		time.Sleep(5 * time.Millisecond)
	}
}

// requests: no tasks at all, but an HTTP server whose handler waits for a lock.
func requests(end <-chan struct{}) {
	server := httptest.NewServer(http.HandlerFunc(showCart))
	go func() {
		for !over(end) {
			rebuildIndex()
			time.Sleep(2 * time.Millisecond)
		}
	}()
	repeat(3, time.Millisecond, end, func() {
		response, err := http.Get(server.URL)
		must(err)
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	})
	server.Close()
}

func showCart(w http.ResponseWriter, _ *http.Request) {
	lookUp()
	fmt.Fprintln(w, "cart")
}

// frozen: the operating system keeps the whole process from running, again and again, as CPU throttling does.
func frozen(end <-chan struct{}) {
	script := "for i in 1 2 3 4 5 6; do kill -STOP $1; sleep 0.07; kill -CONT $1; sleep 0.1; done"
	freezer := exec.Command("sh", "-c", script, "sh", fmt.Sprint(os.Getpid()))
	must(freezer.Start())
	repeat(4, 0, end, func() { order(func() { spin(4000) }) })
	must(freezer.Wait())
}
