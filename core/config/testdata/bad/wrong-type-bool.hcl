toolchain "x86_64" {}
export "oci" {
  archive = "yes"
}
