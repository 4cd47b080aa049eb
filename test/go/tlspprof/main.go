// Command tlspprof serves net/http/pprof the ways a careful team does: with TLS, asking for a client certificate, asking
// for a token, on IPv6, on a unix socket, or with a WriteTimeout. It has every profile that its Go has, and one of its own.
// It prints the address it listens on, each connection and each request.
package main

import (
	"crypto/tls"
	"crypto/x509"
	_ "expvar"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

func main() {
	network := flag.String("network", "tcp", "tcp or unix")
	address := flag.String("addr", "127.0.0.1:0", "address, or path of the socket")
	cert := flag.String("cert", "", "certificate: serve TLS")
	key := flag.String("key", "", "its key")
	clientCA := flag.String("client-ca", "", "ask for client certificates of this authority")
	tokenFile := flag.String("token-file", "", "ask for this bearer token; read at each request")
	writeTimeout := flag.Duration("write-timeout", 0, "WriteTimeout of the server")
	userinfo := flag.String("basic", "", "ask for user:password")
	flag.Parse()

	listener, err := net.Listen(*network, *address)
	if err != nil {
		log.Fatal(err)
	}
	if *cert != "" {
		listener = tls.NewListener(listener, tlsConfig(*cert, *key, *clientCA))
	}
	fmt.Printf("listening %s\n", listener.Addr())
	go work()
	guard := func(w http.ResponseWriter, r *http.Request) {
		if *tokenFile != "" {
			token, err := os.ReadFile(*tokenFile)
			if err != nil || r.Header.Get("Authorization") != "Bearer "+strings.TrimSpace(string(token)) {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
		}
		if user, password, _ := r.BasicAuth(); *userinfo != "" && user+":"+password != *userinfo {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		fmt.Printf("request %s %s tenant=%s\n", r.Proto, r.URL.Path, r.Header.Get("X-Tenant"))
		http.DefaultServeMux.ServeHTTP(w, r)
	}
	server := &http.Server{
		Handler:      http.HandlerFunc(guard),
		WriteTimeout: *writeTimeout,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				fmt.Println("connection")
			}
		},
	}
	log.Fatal(server.Serve(listener))
}

// tlsConfig reads the server's certificate anew for each connection.
func tlsConfig(cert, key, clientCA string) *tls.Config {
	config := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		},
	}
	if clientCA != "" {
		pem, err := os.ReadFile(clientCA)
		if err != nil {
			log.Fatal(err)
		}
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(pem)
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config
}

// work keeps the trace and the profiles from being empty: it computes, waits for a lock, leaks a goroutine,
// and has a profile of its own.
func work() {
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	go func() { <-make(chan struct{}) }()
	orders := pprof.NewProfile("example.com/shop/orders")
	orders.Add(&orders, 0)
	var mu sync.Mutex
	for range time.Tick(10 * time.Millisecond) {
		mu.Lock()
		done := make(chan struct{})
		go func() {
			mu.Lock()
			mu.Unlock()
			close(done)
		}()
		spin(time.Millisecond)
		mu.Unlock()
		<-done
	}
}

// spin keeps a processor busy.
func spin(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
	}
}
