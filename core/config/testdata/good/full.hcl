# --var tag=7
# --var-file full.vars.hcl
# env MKMINI_VAR_tag=1
# env MKMINI_VAR_greeting=from the environment
# env MKMINI_VAR_unused=1
name = local.name

variable "tag" {
  type        = number
  description = "The image's tag."
  default     = 3
  validation {
    condition     = var.tag > 0
    error_message = "The tag must be positive."
  }
}

variable "greeting" {
  default = "Hello"
}

variable "swgcc" {
  type        = string
  default     = null
  description = "The vendor's compiler."
}

variable "without" {
  type = list(string)
}

variable "secret" {
  type      = string
  sensitive = true
  default   = "s3cret"
}

variable "options" {
  type = object({
    level = optional(number, 3)
    names = list(string)
  })
}

locals {
  # in any order
  image = "${local.name}:${var.tag}"
  name  = join("-", ["mini", lower("OS")])
}

toolchain "sw64" {
  cpu = var.options.level == 3 ? "sw6b" : "sw6a"
  from "path" { dir = var.swgcc }
  from "path" {
    dir    = "~/swgcc/usr"
    prefix = "sw_64-sunway-linux-gnu-"
  }
  from "path" { dir = "compilers/../${arch}" }
  from "host" {}
}

toolchain "x86_64" {}

busybox {
  version = "1.34.0"
  sha256  = "415FBD89E5344C96ACF449D94A6F956DBED62E18E835FC83E064DB33A34BD549"
  file    = "files/motd"
  url     = "https://example.org/busybox-${arch}.tar.bz2"
  urls    = ["http://localhost:8080/b.tar.bz2"]
  config  = "files/motd"
  set = {
    FEATURE_PREFER_APPLETS = false
    CONFIG_STATIC          = true
    "LAST_SUPPORTED_WCHAR" = 0
    EXTRA_CFLAGS           = "-DX=\"${arch}\" \\"
    LEFT_ALONE             = null
    NEGATIVE               = -12
    SECRET                 = var.secret
  }
  applets {
    without = concat(var.without, ["telnetd", "["])
  }
}

rootfs {
  directory "/" { mode = "0755" }
  directory "/srv" {
    mode = "1777"
    uid  = 1000
    gid  = 100
  }
  file "/etc/motd" {
    content = "${var.greeting}, ${name} on ${arch} (${platform.os}/${platform.architecture}${platform.variant})\n"
  }
  file "/etc/empty" { content = "" }
  file "/etc/copied" {
    source = "files/motd"
    mode   = "755"
  }
  file "/etc/template" { content = templatefile("files/hello.tmpl", { name = var.secret, list = [1, 2] }) }
}

rootfs {
  symlink "/etc/os" {
    target = "../usr/lib/os"
    uid    = 1
  }
  device "/dev/null" {
    type  = "char"
    major = 1
    minor = 3
    mode  = "0666"
  }
  device "/dev/vda" {
    type  = "b"
    major = 254
    minor = 0
  }
  overlay "/" { source = "files" }
  overlay "/srv" {
    source = "./files/"
    uid    = 1000
  }
}

export "docker" {
  tag    = "${local.image}-${arch}"
  cmd    = ["/bin/sh", "-l"]
  env    = { LANG = "C", ARCH = arch }
  labels = { for n in var.options.names : "x.${n}" => upper(n) }
}

export "oci" {
  tag     = local.image
  archive = "true"
  cmd     = null
}

export "rootfs" {}
export "rootfs" { format = "cpio.gz" }
