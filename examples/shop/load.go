package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/trace"
	"sync"
	"time"
)

// maxInFlight bounds the load generator: when the shop cannot keep up, requests are left out, not queued.
const maxInFlight = 256

// generateLoad sends rate requests a second to url until ctx is done, and waits for the last answer.
func generateLoad(ctx context.Context, url string, rate int) {
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight},
	}
	slots := make(chan struct{}, maxInFlight)
	var inFlight sync.WaitGroup
	defer inFlight.Wait()

	started, sent := time.Now(), int64(0)
	tick := time.NewTicker(max(time.Millisecond, time.Second/time.Duration(rate)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// As many as are due by now: a ticker drops ticks on a busy machine.
		for due := int64(time.Since(started).Seconds() * float64(rate)); sent < due; sent++ {
			select {
			case slots <- struct{}{}:
			default:
				continue
			}
			inFlight.Add(1)
			go func() {
				defer inFlight.Done()
				defer func() { <-slots }()
				if err := get(client, url); err != nil {
					slog.Warn("load request failed", "err", err)
				}
			}()
		}
	}
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

// chatter is the worst case for a tracer: pairs of goroutines that wake each other as fast as they can, each
// round a region and a log.
func chatter(ctx context.Context, pairs int) {
	var all sync.WaitGroup
	for i := 0; i < pairs; i++ {
		ping, pong := make(chan int), make(chan int)
		all.Add(2)
		go func() {
			defer all.Done()
			defer close(ping)
			for n := 0; ctx.Err() == nil; n++ {
				trace.WithRegion(ctx, "ping", func() { ping <- n })
				<-pong
			}
		}()
		go func() {
			defer all.Done()
			for n := range ping {
				trace.Log(ctx, "pong", "received")
				pong <- n
			}
		}()
	}
	all.Wait()
}
