toolchain "x86_64" {
  from "oci" {}
  from "oci" { image = "Tools:latest" }
  from "oci" { image = "gcc.tar" }
  from "oci" {
    image = "example/gcc@sha256:12"
    bin   = "opt/../../bin"
  }
}
export "docker" {}
