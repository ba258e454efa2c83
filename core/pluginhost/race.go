//go:build race

package pluginhost

// alsoInherited are more variables that plugins get as they are: those that are
// a part of this program heed what their detector of races is told, too.
var alsoInherited = []string{"GORACE"}
