package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/trace"
	"sync"
	"time"
)

var link = regexp.MustCompile(`href="(/products/\d+)"`)

const maxPageBytes = 64 << 10

// crawler walks the product pages with a fixed number of workers: addresses go out over one channel, the links
// that were found come back over another.
type crawler struct {
	baseURL string
	workers int
	pause   time.Duration
	client  *http.Client
}

func newCrawler(baseURL string, workers int, pause time.Duration) *crawler {
	return &crawler{
		baseURL: baseURL,
		workers: workers,
		pause:   pause,
		client: &http.Client{
			Timeout:   5 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: workers},
		},
	}
}

func (c *crawler) run(ctx context.Context) {
	for {
		c.crawl(ctx)
		select {
		case <-time.After(c.pause):
		case <-ctx.Done():
			return
		}
	}
}

// crawl visits every page that can be reached from the first one, each once.
func (c *crawler) crawl(ctx context.Context) {
	ctx, task := trace.NewTask(ctx, "crawl")
	defer task.End()

	pages := make(chan string)
	found := make(chan []string)
	var workers sync.WaitGroup
	for i := 0; i < c.workers; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for page := range pages {
				found <- c.visit(ctx, page)
			}
		}()
	}

	seen := map[string]bool{"/products/0": true}
	waiting := []string{"/products/0"}
	for busy := 0; len(waiting) > 0 || busy > 0; {
		var out chan<- string
		var next string
		if len(waiting) > 0 {
			out, next = pages, waiting[0]
		}
		select {
		case out <- next:
			waiting = waiting[1:]
			busy++
		case links := <-found:
			busy--
			for _, l := range links {
				if !seen[l] && ctx.Err() == nil {
					seen[l] = true
					waiting = append(waiting, l)
				}
			}
		}
	}
	close(pages)
	workers.Wait()
	trace.Logf(ctx, "crawl", "%d pages", len(seen))
}

// visit gives the links of a page. A page that cannot be had has none.
func (c *crawler) visit(ctx context.Context, page string) []string {
	var body []byte
	var err error
	trace.WithRegion(ctx, "fetch", func() { body, err = c.fetch(ctx, c.baseURL+page) })
	if err != nil {
		if ctx.Err() == nil {
			slog.Warn("page not fetched", "page", page, "err", err)
		}
		return nil
	}
	var links []string
	trace.WithRegion(ctx, "parse", func() {
		for _, match := range link.FindAllSubmatch(body, -1) {
			links = append(links, string(match[1]))
		}
	})
	return links
}

func (c *crawler) fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxPageBytes))
}
