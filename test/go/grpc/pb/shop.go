// Package pb is what protoc-gen-go-grpc makes of a service, written by hand, so that the tests need no protoc:
//
//	service Shop {
//	  rpc Checkout(google.protobuf.StringValue) returns (google.protobuf.StringValue);
//	  rpc Report(google.protobuf.StringValue) returns (google.protobuf.StringValue);
//	  rpc Watch(google.protobuf.StringValue) returns (stream google.protobuf.StringValue);
//	}
package pb

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type ShopServer interface {
	Checkout(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
	Report(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
	Watch(*wrapperspb.StringValue, grpc.ServerStreamingServer[wrapperspb.StringValue]) error
}

const (
	Checkout = "/shop.Shop/Checkout"
	Report   = "/shop.Shop/Report"
	Watch    = "/shop.Shop/Watch"
)

func RegisterShopServer(s grpc.ServiceRegistrar, srv ShopServer) {
	s.RegisterService(&ServiceDesc, srv)
}

func _Shop_Checkout_Handler(srv interface{}, ctx context.Context, dec func(interface{}) error, interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(wrapperspb.StringValue)
	if err := dec(in); err != nil {
		return nil, err
	}
	if interceptor == nil {
		return srv.(ShopServer).Checkout(ctx, in)
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: Checkout}
	handler := func(ctx context.Context, req interface{}) (interface{}, error) {
		return srv.(ShopServer).Checkout(ctx, req.(*wrapperspb.StringValue))
	}
	return interceptor(ctx, in, info, handler)
}

func _Shop_Report_Handler(srv interface{}, ctx context.Context, dec func(interface{}) error, interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(wrapperspb.StringValue)
	if err := dec(in); err != nil {
		return nil, err
	}
	if interceptor == nil {
		return srv.(ShopServer).Report(ctx, in)
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: Report}
	handler := func(ctx context.Context, req interface{}) (interface{}, error) {
		return srv.(ShopServer).Report(ctx, req.(*wrapperspb.StringValue))
	}
	return interceptor(ctx, in, info, handler)
}

func _Shop_Watch_Handler(srv interface{}, stream grpc.ServerStream) error {
	m := new(wrapperspb.StringValue)
	if err := stream.RecvMsg(m); err != nil {
		return err
	}
	return srv.(ShopServer).Watch(m, &grpc.GenericServerStream[wrapperspb.StringValue, wrapperspb.StringValue]{ServerStream: stream})
}

var ServiceDesc = grpc.ServiceDesc{
	ServiceName: "shop.Shop",
	HandlerType: (*ShopServer)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Checkout", Handler: _Shop_Checkout_Handler},
		{MethodName: "Report", Handler: _Shop_Report_Handler},
	},
	Streams:  []grpc.StreamDesc{{StreamName: "Watch", Handler: _Shop_Watch_Handler, ServerStreams: true}},
	Metadata: "shop.proto",
}
