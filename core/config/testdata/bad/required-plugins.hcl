required_plugins {
  a = "https://plugins.example/"
  b = { sorce = "https://plugins.example/" }
  c = { source = "https://plugins.example/", version = "newest" }
  d = { source = "http://plugins.example/" }
  e = { source = "plugins.example/e" }
  f = { source = "oci://Not A Name" }
  g = { source = "https://plugins.example/?x=1" }
  h = { source = 1 }
  i = { version = "1.0" }
  j = { source = "./j", version = 1.2 }
  k = { source = "./k", source = "./l" }
  l = { source = "./${arch}" }
  Loud = { source = "./loud" }
  m = { source = "" }
  plugin "n" {}
}

required_plugins {
  a = { source = "./a" }
}

required_plugin {}

toolchain "x86_64" {}
export "docker" {}
