// grpc-go, to be measured beside our server: the measured methods of grpc.testing.TestService.
//
//	server PORT [CERTIFICATE KEY]
package main

import (
	"context"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	testing "google.golang.org/grpc/test/grpc_testing"
)

type benchService struct {
	testing.UnimplementedTestServiceServer
}

func zeros(size int32) *testing.Payload { return &testing.Payload{Body: make([]byte, size)} }

func (benchService) UnaryCall(_ context.Context, request *testing.SimpleRequest) (*testing.SimpleResponse, error) {
	return &testing.SimpleResponse{Payload: zeros(request.GetResponseSize())}, nil
}

func (benchService) StreamingOutputCall(
	request *testing.StreamingOutputCallRequest, stream testing.TestService_StreamingOutputCallServer,
) error {
	for _, parameters := range request.GetResponseParameters() {
		reply := &testing.StreamingOutputCallResponse{Payload: zeros(parameters.GetSize())}
		if err := stream.Send(reply); err != nil {
			return err
		}
	}
	return nil
}

func (benchService) StreamingInputCall(stream testing.TestService_StreamingInputCallServer) error {
	total := 0
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(total)})
		}
		if err != nil {
			return err
		}
		total += len(request.GetPayload().GetBody())
	}
}

func main() {
	var options []grpc.ServerOption
	if len(os.Args) == 4 {
		tls, err := credentials.NewServerTLSFromFile(os.Args[2], os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(options...)
	testing.RegisterTestServiceServer(server, benchService{})
	log.Fatal(server.Serve(listener))
}
