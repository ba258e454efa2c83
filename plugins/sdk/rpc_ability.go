package sdk

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// abilityServer serves what a plugin can do beside. Each service is
// registered only if the plugin has the ability, so that no field is nil that
// is used.
type abilityServer struct {
	pluginv1.UnimplementedPatcherServer
	pluginv1.UnimplementedEmulationServer
	pluginv1.UnimplementedBooterServer
	pluginv1.UnimplementedValidatorServer

	patcher  Patcher
	emulator EmulatorFinder
	booter   Booter
	// validators are by kind.
	validators map[string]Validator
	calls      *calls
}

// registerAbilities makes a server offer all that a plugin can do beside. It
// is one call for toolchain and exporter together: gRPC takes a service but
// once.
func registerAbilities(s grpc.ServiceRegistrar, p Plugin, calls *calls) {
	a := &abilityServer{calls: calls, validators: map[string]Validator{}}
	if patcher, ok := p.Toolchain.(Patcher); ok {
		a.patcher = patcher
		pluginv1.RegisterPatcherServer(s, a)
	}
	if emulator, ok := p.Toolchain.(EmulatorFinder); ok {
		a.emulator = emulator
		pluginv1.RegisterEmulationServer(s, a)
	}
	if booter, ok := p.Toolchain.(Booter); ok {
		a.booter = booter
		pluginv1.RegisterBooterServer(s, a)
	}
	if validator, ok := p.Toolchain.(Validator); ok {
		a.validators[KindToolchain] = validator
	}
	if validator, ok := p.Exporter.(Validator); ok {
		a.validators[KindExporter] = validator
	}
	if len(a.validators) > 0 {
		pluginv1.RegisterValidatorServer(s, a)
	}
}

// Patches implements the service Patcher.
func (a *abilityServer) Patches(client context.Context, req *pluginv1.PatchesRequest) (*pluginv1.PatchesResponse, error) {
	ctx, leave, err := a.calls.enter(client)
	if err != nil {
		return nil, err
	}
	defer leave()
	result, err := a.patcher.Patches(ctx, patchesRequestFromProto(req))
	if err != nil {
		return &pluginv1.PatchesResponse{Failure: failureToProto(err)}, a.calls.fail(client)
	}
	return &pluginv1.PatchesResponse{Files: result.Files}, nil
}

// Emulator implements the service Emulation.
func (a *abilityServer) Emulator(client context.Context, req *pluginv1.EmulatorRequest) (*pluginv1.EmulatorResponse, error) {
	ctx, leave, err := a.calls.enter(client)
	if err != nil {
		return nil, err
	}
	defer leave()
	result, err := a.emulator.Emulator(ctx, emulatorRequestFromProto(req))
	if err != nil {
		return &pluginv1.EmulatorResponse{Failure: failureToProto(err)}, a.calls.fail(client)
	}
	return emulatorResultToProto(result), nil
}

// Boot implements the service Booter.
func (a *abilityServer) Boot(client context.Context, req *pluginv1.BootRequest) (*pluginv1.BootResponse, error) {
	ctx, leave, err := a.calls.enter(client)
	if err != nil {
		return nil, err
	}
	defer leave()
	boot, err := a.booter.Boot(ctx, BootRequest{Attributes: rawJSON(req.GetAttributesJson())})
	if err != nil {
		return &pluginv1.BootResponse{Failure: failureToProto(err)}, a.calls.fail(client)
	}
	return &pluginv1.BootResponse{Boot: bootToProto(boot)}, nil
}

// Validate implements the service Validator.
func (a *abilityServer) Validate(client context.Context, req *pluginv1.ValidateRequest) (*pluginv1.ValidateResponse, error) {
	ctx, leave, err := a.calls.enter(client)
	if err != nil {
		return nil, err
	}
	defer leave()
	validator := a.validators[req.GetKind()]
	if validator == nil {
		return &pluginv1.ValidateResponse{}, nil // the other part has it
	}
	err = validator.Validate(ctx, validateRequestFromProto(req))
	if err == nil {
		return &pluginv1.ValidateResponse{}, nil
	}
	return &pluginv1.ValidateResponse{Failure: failureToProto(err)}, a.calls.fail(client)
}

// abilityClient has all abilities in the host. A call fails with the gRPC
// status Unimplemented if the plugin lacks the ability.
type abilityClient struct {
	patcher   pluginv1.PatcherClient
	emulation pluginv1.EmulationClient
	booter    pluginv1.BooterClient
	validator pluginv1.ValidatorClient
	kind      string
	caller    caller
}

var (
	_ Patcher        = abilityClient{}
	_ EmulatorFinder = abilityClient{}
	_ Booter         = abilityClient{}
	_ Validator      = abilityClient{}
)

func newAbilityClient(conn grpc.ClientConnInterface, kind string) abilityClient {
	return abilityClient{
		patcher: pluginv1.NewPatcherClient(conn), emulation: pluginv1.NewEmulationClient(conn),
		booter: pluginv1.NewBooterClient(conn), validator: pluginv1.NewValidatorClient(conn),
		kind: kind, caller: newCaller(conn),
	}
}

// Patches implements [Patcher].
func (c abilityClient) Patches(ctx context.Context, req PatchesRequest) (result PatchesResult, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		response, err := c.patcher.Patches(ctx, patchesRequestToProto(req))
		if err != nil {
			return err
		}
		if response.GetFailure() != nil {
			return failureFromProto(response.GetFailure())
		}
		result.Files = response.GetFiles()
		return nil
	})
	return result, err
}

// Emulator implements [EmulatorFinder].
func (c abilityClient) Emulator(ctx context.Context, req EmulatorRequest) (result EmulatorResult, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		response, err := c.emulation.Emulator(ctx, emulatorRequestToProto(req))
		if err != nil {
			return err
		}
		if response.GetFailure() != nil {
			return failureFromProto(response.GetFailure())
		}
		result = emulatorResultFromProto(response)
		return nil
	})
	return result, err
}

// Boot implements [Booter].
func (c abilityClient) Boot(ctx context.Context, req BootRequest) (boot *Boot, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		response, err := c.booter.Boot(ctx, &pluginv1.BootRequest{AttributesJson: req.Attributes})
		if err != nil {
			return err
		}
		if response.GetFailure() != nil {
			return failureFromProto(response.GetFailure())
		}
		boot = bootFromProto(response.GetBoot())
		return nil
	})
	return boot, err
}

// Validate implements [Validator].
func (c abilityClient) Validate(ctx context.Context, req ValidateRequest) error {
	return c.caller.run(ctx, func(ctx context.Context) error {
		response, err := c.validator.Validate(ctx, validateRequestToProto(c.kind, req))
		switch {
		case status.Code(err) == codes.Unimplemented:
			return nil // it has nothing to say
		case err != nil:
			return err
		case response.GetFailure() != nil:
			return failureFromProto(response.GetFailure())
		case len(response.GetWarnings()) > 0:
			return diagnosticsFromProto(response.GetWarnings())
		}
		return nil
	})
}
