//go:build go1.25

package main

import (
	"bytes"
	"net/http"
	"runtime/trace"
	"strconv"
	"sync"
)

// flightRecorderHandler serves the last seconds that runtime/trace.FlightRecorder holds.
func flightRecorderHandler(enabled bool) (http.Handler, error) {
	if !enabled {
		return notRecording("start the shop with -flight-recorder"), nil
	}
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	if err := recorder.Start(); err != nil {
		return nil, err
	}
	var one sync.Mutex // WriteTo refuses a second caller
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		defer one.Unlock()
		// Into memory first: a slow client must not hold the recorder, and a failure must not be a 200.
		var snapshot bytes.Buffer
		if _, err := recorder.WriteTo(&snapshot); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(snapshot.Len()))
		w.Write(snapshot.Bytes())
	}), nil
}

func notRecording(why string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, why, http.StatusNotFound) })
}
