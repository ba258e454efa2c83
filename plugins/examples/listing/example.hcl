# A system that is written by the plugin: make example
name = "mini"

toolchain "x86_64" {}

export "listing" { title = "all files" }
