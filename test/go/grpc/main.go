// Command grpc is a gRPC service without tasks or regions, and its client:
//
//	grpc serve            prints the address of the service and, on the next line, the one of its pprof
//	grpc call ADDRESS     calls it until it is killed
//
// A checkout takes 2 ms, a report waits for the one connection of a database, and who watches is never answered.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sync"
	"time"

	"gorewind.test/grpc/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "call" {
		call(os.Args[2])
		return
	}
	serve()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type shop struct{ db *sql.DB }

func (*shop) Checkout(_ context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	time.Sleep(2 * time.Millisecond)
	return in, nil
}

func (s *shop) Report(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	var n int
	err := s.db.QueryRowContext(ctx, "select 1").Scan(&n)
	return in, err
}

func (*shop) Watch(_ *wrapperspb.StringValue, stream grpc.ServerStreamingServer[wrapperspb.StringValue]) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// Interceptors, as nearly every service has: what they are called must not be taken for the request's name.
func unary(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	return handler(ctx, in)
}

func streaming(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, stream)
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	debug, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer(grpc.UnaryInterceptor(unary), grpc.StreamInterceptor(streaming))
	pb.RegisterShopServer(server, &shop{slowDB()})
	fmt.Println(listener.Addr())
	fmt.Println(debug.Addr())
	go http.Serve(debug, nil)
	must(server.Serve(listener))
}

// call checks out forty times a second, has four reports under way at any time, and watches.
func call(address string) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	in := wrapperspb.String("x")
	var wait sync.WaitGroup
	repeat := func(method string, pause time.Duration) {
		defer wait.Done()
		for {
			must(conn.Invoke(context.Background(), method, in, new(wrapperspb.StringValue)))
			time.Sleep(pause)
		}
	}
	wait.Add(5)
	go repeat(pb.Checkout, 20*time.Millisecond)
	for i := 0; i < 4; i++ {
		go repeat(pb.Report, 0)
	}
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true}, pb.Watch)
	must(err)
	must(stream.SendMsg(in))
	must(stream.CloseSend())
	wait.Wait()
}
