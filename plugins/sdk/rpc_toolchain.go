package sdk

import (
	"context"

	"google.golang.org/grpc"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// toolchainServer serves a Toolchain in the plugin.
type toolchainServer struct {
	pluginv1.UnimplementedToolchainServer
	impl  Toolchain
	calls *calls
}

var _ pluginv1.ToolchainServer = (*toolchainServer)(nil)

func (s *toolchainServer) Describe(client context.Context, _ *pluginv1.DescribeToolchainRequest) (*pluginv1.DescribeToolchainResponse, error) {
	ctx, leave, err := s.calls.enter(client)
	if err != nil {
		return nil, err
	}
	defer leave()
	info, err := s.impl.Describe(ctx)
	if err != nil {
		return &pluginv1.DescribeToolchainResponse{
			Outcome: &pluginv1.DescribeToolchainResponse_Failure{Failure: failureToProto(err)},
		}, s.calls.fail(client)
	}
	return &pluginv1.DescribeToolchainResponse{
		Outcome: &pluginv1.DescribeToolchainResponse_Info{Info: toolchainInfoToProto(info)},
	}, nil
}

func (s *toolchainServer) Probe(client context.Context, req *pluginv1.ProbeRequest) (*pluginv1.ProbeResponse, error) {
	ctx, leave, err := s.calls.enter(client)
	if err != nil {
		return nil, err
	}
	defer leave()
	compiler, err := s.impl.Probe(ctx, probeRequestFromProto(req))
	if err != nil {
		return &pluginv1.ProbeResponse{
			Outcome:  &pluginv1.ProbeResponse_Failure{Failure: failureToProto(err)},
			Examined: compilerToProto(compiler),
		}, s.calls.fail(client)
	}
	return &pluginv1.ProbeResponse{
		Outcome: &pluginv1.ProbeResponse_Compiler{Compiler: compilerToProto(compiler)},
	}, nil
}

func (s *toolchainServer) Build(req *pluginv1.BuildRequest, stream grpc.ServerStreamingServer[pluginv1.BuildEvent]) error {
	ctx, leave, err := s.calls.enter(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	reports := newReporter(func(r Report) error {
		return stream.Send(&pluginv1.BuildEvent{Event: &pluginv1.BuildEvent_Report{Report: reportToProto(r)}})
	})
	result, err := s.impl.Build(ctx, buildRequestFromProto(req), reports.report)
	reports.close()
	if err == nil {
		return stream.Send(&pluginv1.BuildEvent{Event: &pluginv1.BuildEvent_Result{Result: buildResultToProto(result)}})
	}
	if err := s.calls.fail(stream.Context()); err != nil {
		return err
	}
	return stream.Send(&pluginv1.BuildEvent{Event: &pluginv1.BuildEvent_Failure{Failure: failureToProto(err)}})
}

// toolchainClient is a Toolchain in the host.
type toolchainClient struct {
	rpc    pluginv1.ToolchainClient
	libc   pluginv1.LibcBuilderClient
	caller caller
	abilityClient
}

var _ Toolchain = (*toolchainClient)(nil)

func newToolchainClient(conn *grpc.ClientConn) *toolchainClient {
	return &toolchainClient{
		rpc: pluginv1.NewToolchainClient(conn), libc: pluginv1.NewLibcBuilderClient(conn), caller: newCaller(conn),
		abilityClient: newAbilityClient(conn, KindToolchain),
	}
}

func (c *toolchainClient) Describe(ctx context.Context) (info ToolchainInfo, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		response, err := c.rpc.Describe(ctx, &pluginv1.DescribeToolchainRequest{})
		if err != nil {
			return err
		}
		if response.GetInfo() == nil {
			return failureFromProto(response.GetFailure())
		}
		info = toolchainInfoFromProto(response.GetInfo())
		return nil
	})
	return info, err
}

func (c *toolchainClient) Probe(ctx context.Context, req ProbeRequest) (compiler Compiler, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		response, err := c.rpc.Probe(ctx, probeRequestToProto(req))
		if err != nil {
			return err
		}
		if response.GetCompiler() == nil {
			if examined := response.GetExamined(); examined != nil {
				compiler = compilerFromProto(examined)
			}
			return failureFromProto(response.GetFailure())
		}
		compiler = compilerFromProto(response.GetCompiler())
		return nil
	})
	return compiler, err
}

func (c *toolchainClient) Build(ctx context.Context, req BuildRequest, progress Progress) (result BuildResult, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		stream, err := c.rpc.Build(ctx, buildRequestToProto(req))
		if err != nil {
			return err
		}
		return receive(stream, func(event *pluginv1.BuildEvent) (bool, error) {
			switch {
			case event.GetResult() != nil:
				result = buildResultFromProto(event.GetResult())
				return true, nil
			case event.GetFailure() != nil:
				return true, failureFromProto(event.GetFailure())
			case event.GetReport() != nil && progress != nil:
				progress(reportFromProto(event.GetReport()))
			}
			return false, nil
		})
	})
	return result, err
}
