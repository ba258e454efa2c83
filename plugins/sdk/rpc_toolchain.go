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

// buildEvents are the messages of Build.
var buildEvents = events[BuildResult, pluginv1.BuildEvent]{
	report: func(r *pluginv1.Report) *pluginv1.BuildEvent {
		return &pluginv1.BuildEvent{Event: &pluginv1.BuildEvent_Report{Report: r}}
	},
	result: func(r BuildResult) *pluginv1.BuildEvent {
		return &pluginv1.BuildEvent{Event: &pluginv1.BuildEvent_Result{Result: buildResultToProto(r)}}
	},
	failure: func(f *pluginv1.Failure) *pluginv1.BuildEvent {
		return &pluginv1.BuildEvent{Event: &pluginv1.BuildEvent_Failure{Failure: f}}
	},
}

func (s *toolchainServer) Build(req *pluginv1.BuildRequest, stream grpc.ServerStreamingServer[pluginv1.BuildEvent]) error {
	return buildEvents.serve(s.calls, stream, func(ctx context.Context, progress Progress) (BuildResult, error) {
		return s.impl.Build(ctx, buildRequestFromProto(req), progress)
	})
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
		response, err := receive[pluginv1.BuildResult](stream, progress)
		if err == nil {
			result = buildResultFromProto(response)
		}
		return err
	})
	return result, err
}
