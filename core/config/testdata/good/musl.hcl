musl {
  version = "1.2.5"
  file    = "full.vars.hcl"
  url     = "https://example.com/musl.tar.gz"
  urls    = ["https://example.org/musl.tar.gz"]
}
toolchain "x86_64" { libc = "musl" }
toolchain "sw64" {}
export "docker" {}
