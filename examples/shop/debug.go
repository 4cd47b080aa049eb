package main

import (
	"expvar"
	"net/http"
	"net/http/pprof"
)

// debugHandler serves what operators and collectors look at: pprof, expvar, metrics and, where it runs, Go's own
// flight recorder. It belongs on a listener that the public does not reach.
func debugHandler(cfg config, m *metrics) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/vars", expvar.Handler())
	mux.Handle("/metrics", m)
	recorder, err := flightRecorderHandler(cfg.flightRecorder)
	if err != nil {
		return nil, err
	}
	mux.Handle("/debug/flightrecorder", recorder)
	return mux, nil
}
