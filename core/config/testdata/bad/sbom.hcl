toolchain "x86_64" {}

export "oci" {}

sbom {
  formats   = ["spdx", "cyclondx", "spdx"]
  supplier  = " "
  namespace = "example"
  attached  = true
}

sbom { formats = [] }
