package sdk

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// ProtocolVersion is the newest version of the plugin protocol that this
// package speaks.
const ProtocolVersion = 1

// FirstMkmini is the version of the first mkmini that speaks
// [ProtocolVersion].
const FirstMkmini = "0.1.0"

// Names of what a plugin can do, as they are in configurations, in manifests
// and in [HostPlugins].
const (
	KindToolchain = "toolchain"
	KindExporter  = "exporter"
)

// maxMessage is the largest message in bytes that a plugin accepts. gRPC's
// default of 4 MiB could be reached by attributes that a user fills from
// files.
const maxMessage = 64 << 20

// ProtocolVersions returns all versions of the plugin protocol that this
// package speaks, oldest first.
func ProtocolVersions() []int { return []int{ProtocolVersion} }

// Handshake returns what tells a plugin that mkmini has started it. It is no
// secret.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		MagicCookieKey:   "MKMINI_PLUGIN",
		MagicCookieValue: "a mini linux for any cpu",
	}
}

// HostPlugins returns by protocol version what a host dispenses: a
// [Toolchain] as KindToolchain, and an [Exporter] as KindExporter. Plugins
// don't need it.
//
// Calls return when the plugin has ended them: after a cancellation within a
// second or so, unless the plugin does not heed it. Errors are [Diagnostics]
// or a text from the plugin, the context's error, or else a gRPC status,
// which means that the transport or the process failed.
func HostPlugins() map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{ProtocolVersion: {
		KindToolchain: &toolchainPlugin{},
		KindExporter:  &exporterPlugin{},
	}}
}

// servedPlugins returns by protocol version what p serves.
func servedPlugins(p Plugin, calls *calls) map[int]plugin.PluginSet {
	set := plugin.PluginSet{}
	if p.Toolchain != nil {
		set[KindToolchain] = &toolchainPlugin{impl: p.Toolchain, calls: calls}
	}
	if p.Exporter != nil {
		set[KindExporter] = &exporterPlugin{impl: p.Exporter, calls: calls}
	}
	return map[int]plugin.PluginSet{ProtocolVersion: set}
}

// toolchainPlugin makes a Toolchain known to go-plugin. The host's has no
// impl.
type toolchainPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	impl  Toolchain
	calls *calls
}

var _ plugin.GRPCPlugin = (*toolchainPlugin)(nil)

func (p *toolchainPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterToolchainServer(s, &toolchainServer{impl: p.impl, calls: p.calls})
	if builder, ok := p.impl.(LibcBuilder); ok {
		pluginv1.RegisterLibcBuilderServer(s, &libcServer{impl: builder, calls: p.calls})
	}
	return nil
}

func (p *toolchainPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return newToolchainClient(conn), nil
}

// exporterPlugin makes an Exporter known to go-plugin. The host's has no
// impl.
type exporterPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	impl  Exporter
	calls *calls
}

var _ plugin.GRPCPlugin = (*exporterPlugin)(nil)

func (p *exporterPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterExporterServer(s, &exporterServer{impl: p.impl, calls: p.calls})
	return nil
}

func (p *exporterPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return newExporterClient(conn), nil
}
