// Package pluginv1 is version 1 of the protocol between mkmini and its
// plugins, generated from plugin.proto. Plugins in Go use plugins/sdk and
// never see it.
package pluginv1

//go:generate go run -C ../../gen .
