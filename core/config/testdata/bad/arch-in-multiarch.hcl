toolchain "x86_64" {}
export "oci" {
  tag = "mini:${arch}"
}
