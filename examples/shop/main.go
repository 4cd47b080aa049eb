// Command shop is a small web shop, instrumented the way a production Go service is: runtime/trace tasks,
// regions and logs on every request, net/http/pprof on a listener of its own, Prometheus metrics, expvar.
// Every fifth checkout is slow, so that a flight recorder has something to find.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

type config struct {
	addr           string
	debugAddr      string
	slowEvery      int64
	slow           time.Duration
	fast           time.Duration
	slowCause      string
	load           int
	crawl          time.Duration
	crawlWorkers   int
	chatty         bool
	allowCrash     bool
	flightRecorder bool
}

func parseFlags() config {
	var c config
	flag.StringVar(&c.addr, "addr", "127.0.0.1:8080", "address of the shop; port 0 picks a free one")
	flag.StringVar(&c.debugAddr, "debug-addr", "127.0.0.1:6060", "address of pprof, expvar and metrics; port 0 picks a free one")
	flag.Int64Var(&c.slowEvery, "slow-every", 5, "make every n-th checkout slow; 0 makes none slow")
	flag.DurationVar(&c.slow, "slow", 80*time.Millisecond, "how long a slow checkout takes")
	flag.DurationVar(&c.fast, "fast", 5*time.Millisecond, "how long any other checkout takes")
	flag.StringVar(&c.slowCause, "slow-cause", causeDownstream, "what makes a checkout slow: downstream (the payment service) or lock (the stock's mutex is held)")
	flag.IntVar(&c.load, "load", 0, "checkouts a second the shop sends to itself; 0 sends none")
	flag.DurationVar(&c.crawl, "crawl", time.Second, "pause between two crawls of the product pages; 0 never crawls")
	flag.IntVar(&c.crawlWorkers, "crawl-workers", 4, "workers of the crawler")
	flag.BoolVar(&c.chatty, "chatty", false, "produce very many trace events a second")
	flag.BoolVar(&c.allowCrash, "allow-crash", false, "let /crash bring the process down")
	flag.BoolVar(&c.flightRecorder, "flight-recorder", false, "run Go's own flight recorder and serve it on /debug/flightrecorder (Go 1.25 or later)")
	flag.Parse()
	return c
}

func (c config) validate() error {
	switch {
	case c.slowCause != causeDownstream && c.slowCause != causeLock:
		return fmt.Errorf("-slow-cause is %q, want %s or %s", c.slowCause, causeDownstream, causeLock)
	case c.slowEvery < 0 || c.load < 0 || c.slow < 0 || c.fast < 0 || c.crawl < 0:
		return errors.New("-slow-every, -slow, -fast, -load and -crawl must not be negative")
	case c.crawlWorkers < 1:
		return errors.New("-crawl-workers must be at least 1")
	}
	return nil
}

func main() {
	cfg := parseFlags()
	if err := cfg.validate(); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, cfg); err != nil {
		slog.Error("shop failed", "err", err)
		os.Exit(1)
	}
}

// run serves until ctx is done, then lets requests in flight end.
func run(ctx context.Context, cfg config) error {
	appListener, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return err
	}
	debugListener, err := net.Listen("tcp", cfg.debugAddr)
	if err != nil {
		return err
	}
	baseURL := "http://" + appListener.Addr().String()

	metrics := newMetrics()
	shop := newShop(cfg, baseURL, metrics)
	app := &http.Server{Handler: shop.routes(), ReadHeaderTimeout: 5 * time.Second}
	debugRoutes, err := debugHandler(cfg, metrics)
	if err != nil {
		return err
	}
	// No WriteTimeout: /debug/pprof/trace?seconds=N refuses a duration longer than it.
	debug := &http.Server{Handler: debugRoutes, ReadHeaderTimeout: 5 * time.Second}

	failed := make(chan error, 2)
	for _, s := range []struct {
		server   *http.Server
		listener net.Listener
	}{{app, appListener}, {debug, debugListener}} {
		s := s
		go func() { failed <- s.server.Serve(s.listener) }()
	}
	announce(appListener, debugListener)

	var background sync.WaitGroup
	start := func(work func(context.Context)) {
		background.Add(1)
		go func() {
			defer background.Done()
			work(ctx)
		}()
	}
	if cfg.crawl > 0 {
		start(newCrawler(baseURL, cfg.crawlWorkers, cfg.crawl).run)
	}
	if cfg.load > 0 {
		start(func(ctx context.Context) { generateLoad(ctx, baseURL+"/checkout", cfg.load) })
	}
	if cfg.chatty {
		start(func(ctx context.Context) { chatter(ctx, runtime.GOMAXPROCS(0)) })
	}

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	background.Wait()
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = app.Shutdown(deadline)
	// A trace being streamed would hold Shutdown up until its seconds are over.
	if closeErr := debug.Close(); err == nil {
		err = closeErr
	}
	return err
}

// announce writes the one line of stdout: where the shop is, for whoever started it with port 0.
func announce(app, debug net.Listener) {
	line, _ := json.Marshal(map[string]any{
		"event":      "listening",
		"addr":       app.Addr().String(),
		"debug_addr": debug.Addr().String(),
		"pid":        os.Getpid(),
		"go_version": runtime.Version(),
	})
	fmt.Println(string(line))
}
