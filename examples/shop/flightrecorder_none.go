//go:build !go1.25

package main

import (
	"errors"
	"net/http"
	"runtime"
)

// flightRecorderHandler says that this Go has no flight recorder.
func flightRecorderHandler(enabled bool) (http.Handler, error) {
	why := "runtime/trace.FlightRecorder needs Go 1.25; the shop was built with " + runtime.Version()
	if enabled {
		return nil, errors.New(why)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, why, http.StatusNotFound) }), nil
}
