package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"runtime/trace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	causeDownstream = "downstream"
	causeLock       = "lock"

	productCount = 200
	itemsPerCart = 3
)

type shop struct {
	cfg      config
	stock    *stock
	receipts *receipts
	metrics  *metrics
	client   *http.Client
	payments string
	orders   atomic.Int64
}

func newShop(cfg config, baseURL string, m *metrics) *shop {
	return &shop{
		cfg:      cfg,
		stock:    newStock(productCount),
		receipts: newReceipts(64),
		metrics:  m,
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		},
		payments: baseURL + "/payments/authorize",
	}
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, s.metrics.observe(strings.TrimSuffix(pattern, "/"), h))
	}
	handle("/checkout", s.checkout)
	handle("/products/", s.product)
	handle("/payments/authorize", s.authorize)
	mux.Handle("/metrics", s.metrics)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("/crash", s.crash)
	return mux
}

// checkout is the request worth recording: one task, four regions, the order's number as a log.
func (s *shop) checkout(w http.ResponseWriter, r *http.Request) {
	ctx, task := trace.NewTask(r.Context(), "checkout")
	defer task.End()

	number := s.orders.Add(1)
	order := order{ID: fmt.Sprintf("order-%06d", number)}
	trace.Log(ctx, "order", order.ID)
	slow := s.cfg.slowEvery > 0 && number%s.cfg.slowEvery == 0
	held, charged := time.Duration(0), s.cfg.fast
	if slow && s.cfg.slowCause == causeLock {
		held = s.cfg.slow - s.cfg.fast
	} else if slow {
		charged = s.cfg.slow
	}

	var err error
	trace.WithRegion(ctx, "validate", func() { order.Items, err = cart(r.URL.Query()) })
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	trace.WithRegion(ctx, "inventory", func() { order.Cents = s.stock.reserve(order.Items, held) })
	trace.WithRegion(ctx, "charge", func() { err = s.charge(ctx, order, charged) })
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	trace.WithRegion(ctx, "render", func() { s.render(w, order) })
}

// cart reads the product numbers of a request, or picks some.
func cart(query url.Values) ([]int, error) {
	items := make([]int, 0, itemsPerCart)
	for _, text := range query["item"] {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n >= productCount {
			return nil, fmt.Errorf("item %q is not a number from 0 to %d", text, productCount-1)
		}
		items = append(items, n)
	}
	for len(items) < itemsPerCart {
		items = append(items, rand.Intn(productCount))
	}
	return items, nil
}

// charge asks the payment service, over HTTP as if it were someone else's.
func (s *shop) charge(ctx context.Context, o order, takes time.Duration) error {
	target := s.payments + "?" + url.Values{"order": {o.ID}, "takes": {takes.String()}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("charge %s: %w", o.ID, err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("charge %s: %w", o.ID, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("charge %s: payment service answered %s", o.ID, response.Status)
	}
	return nil
}

// authorize plays the payment service.
func (s *shop) authorize(w http.ResponseWriter, r *http.Request) {
	_, task := trace.NewTask(r.Context(), "authorize")
	defer task.End()

	takes, err := time.ParseDuration(r.URL.Query().Get("takes"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(takes):
		io.WriteString(w, "authorized\n")
	case <-r.Context().Done():
	}
}

// render allocates as templates and encoders do, so that the garbage collector has its work.
func (s *shop) render(w http.ResponseWriter, o order) {
	lines := make([]string, 0, 400)
	for i := 0; i < cap(lines); i++ {
		lines = append(lines, fmt.Sprintf("%s line %d: product %d at %d cents", o.ID, i, o.Items[i%len(o.Items)], o.Cents))
	}
	s.receipts.keep(strings.Join(lines, "\n"))
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(o)
}

// product serves a page with links to others: what the crawler walks.
func (s *shop) product(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/products/"))
	if err != nil || n < 0 || n >= productCount {
		http.NotFound(w, r)
		return
	}
	fmt.Fprintf(w, "<h1>product %d</h1><p>%d cents</p>\n", n, s.stock.price(n))
	for _, next := range []int{2*n + 1, 2*n + 2} {
		if next < productCount {
			fmt.Fprintf(w, "<a href=\"/products/%d\">next</a>\n", next)
		}
	}
}

func (s *shop) crash(w http.ResponseWriter, _ *http.Request) {
	if !s.cfg.allowCrash {
		http.Error(w, "start the shop with -allow-crash", http.StatusForbidden)
		return
	}
	// In a goroutine of its own, since net/http recovers a handler's panic.
	go func() { panic("crash asked for by a request") }()
	<-make(chan struct{})
}
