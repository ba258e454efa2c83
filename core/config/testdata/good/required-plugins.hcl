# Plugins from everywhere, with values from elsewhere.
variable "mirror" { default = "https://plugins.example" }
locals { major = 1 }

required_plugins {
  board   = { source = "${var.mirror}/board", version = "~> ${local.major}.2" }
  ext4    = { source = "oci://registry.example/mkmini/ext4:2", version = ">= 1.0, < 3" }
  listing = { source = "./releases/listing" }
  home-1  = { source = "~/releases", version = "1.0.0" }
}

required_plugins {
  local = { "source" = "http://127.0.0.1:8080/x/" }
}

toolchain "x86_64" {}
export "docker" {}
