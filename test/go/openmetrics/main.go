// A service whose metrics come from Prometheus' own client library, in the format that is asked for.
package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var (
	orders = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "shop_orders_total",
		Help: "Orders, by \"kind\".\nWith a line break.",
	}, []string{"kind"})
	stock    = promauto.NewGauge(prometheus.GaugeOpts{Name: "shop_stock", Help: "What is left."})
	duration = promauto.NewHistogram(prometheus.HistogramOpts{
		Name:    "shop_order_seconds",
		Help:    "How long an order took.",
		Buckets: []float64{0.001, 0.01, 0.1, 1},
	})
)

func main() {
	go func() {
		for i := 0; ; i++ {
			id := prometheus.Labels{"trace_id": fmt.Sprintf("%016x", rand.Uint64())}
			orders.WithLabelValues(`a "quoted" \ kind`).(prometheus.ExemplarAdder).AddWithExemplar(1, id)
			duration.(prometheus.ExemplarObserver).ObserveWithExemplar(0.05, id)
			stock.Set(float64(1000 - i%10))
			time.Sleep(10 * time.Millisecond)
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	http.Handle("/metrics", promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	panic(http.Serve(listener, nil))
}
