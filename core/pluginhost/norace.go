//go:build !race

package pluginhost

// alsoInherited are more variables that plugins get as they are.
var alsoInherited []string
