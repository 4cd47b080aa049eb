package main

import (
	"sync"
	"time"
)

type order struct {
	ID    string `json:"id"`
	Items []int  `json:"items"`
	Cents int64  `json:"cents"`
}

// stock is one map under one mutex: every request and the crawler want it, so there is contention.
type stock struct {
	mu       sync.Mutex
	products map[int]product
	reserved int64
}

type product struct {
	cents int64
	left  int64
}

const (
	restockEvery = 100
	restockTo    = 1_000
)

func newStock(products int) *stock {
	s := &stock{products: make(map[int]product, products)}
	for n := 0; n < products; n++ {
		s.products[n] = product{cents: int64(100 + 7*n), left: restockTo}
	}
	return s
}

// reserve takes the items out of stock and gives their price. hold keeps the mutex that much longer: a lookup
// made under a lock that should not have been.
func (s *stock) reserve(items []int, hold time.Duration) (cents int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range items {
		p := s.products[n]
		p.left--
		s.products[n] = p
		cents += p.cents
	}
	s.reserved++
	if s.reserved%restockEvery == 0 {
		for n, p := range s.products {
			p.left = restockTo
			s.products[n] = p
		}
	}
	time.Sleep(hold)
	return cents
}

func (s *stock) price(n int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.products[n].cents
}

// receipts keeps the last few rendered receipts: a bounded part of the heap that stays alive.
type receipts struct {
	mu   sync.Mutex
	last []string
	next int
}

func newReceipts(size int) *receipts {
	return &receipts{last: make([]string, size)}
}

func (r *receipts) keep(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[r.next] = text
	r.next = (r.next + 1) % len(r.last)
}
