package cli

import "github.com/spf13/cobra"

// pluginCommand holds the commands about plugins, each in a file of its own.
func (a *app) pluginCommand() *cobra.Command {
	return group("plugin", "Find, examine and write plugins",
		a.pluginCheckCommand(), a.pluginDocsCommand(),
		a.pluginListCommand(), a.pluginDescribeCommand(), a.pluginInstallCommand(), a.pluginRemoveCommand(),
		a.pluginLockCommand(), a.pluginMirrorCommand(), a.pluginPackCommand(), a.pluginNewCommand())
}
