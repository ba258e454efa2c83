toolchain "x86_64" {}
toolchain "aarch64" {}

variable "token" {
  default   = "secret"
  sensitive = true
}

locals {
  services = {
    web  = { port = 80, home = "/srv/web" }
    mail = { port = 25, home = "/srv/mail" }
  }
}

rootfs {
  directory "/lib/${arch}-linux" {}
  file "/ä/${"ö"}/${replace("a b", " ", "-")}.${platform.architecture}" { content = "$${arch}" }
  symlink "/usr/$${literal}" { target = "/lib/${arch}-linux" }

  directory "/srv/${each.key}" {
    for_each = local.services
    xattrs   = { "user.port" = tostring(each.value.port) }
  }
  file "/etc/${each.key}.conf" {
    for_each = { for name, s in local.services : name => s.port if s.port < 80 }
    content  = "${each.key} ${each.value} ${arch}\n"
  }
  device "/dev/${each.value}" {
    for_each = toset(["tty1", "tty0", "tty1"])
    type     = "char"
    major    = 4
    minor    = parseint(trimprefix(each.key, "tty"), 10)
  }
  hardlink "/bin/${each.key}" {
    for_each = { a = "/bin/busybox" }
    target   = each.value
  }
  fifo "/run/${each.key}" { for_each = toset(["${arch}.pipe"]) }
  overlay "/opt/${each.key}" {
    for_each = { one = "files" }
    source   = each.value
  }
  program "tool-${each.key}" {
    for_each = { (arch) = "files/motd" }
    path     = each.value
  }
  remove "/usr/share/${each.value}" { for_each = toset(["man", "doc"]) }
  group "g-${each.key}" {
    for_each = { a = 70, b = 71 }
    gid      = each.value
  }
  user "u-${each.key}" {
    for_each = { a = "x" }
    group    = "g-${each.key}"
  }
  file "/none/${each.key}" {
    for_each = {}
    content  = each.value.nothing
  }
  file "/token/${each.key}" {
    for_each = { one = var.token }
    content  = each.value
  }
  layer "more" {
    file "/more/${each.key}" {
      for_each = toset(["x"])
      template = "files/greeting.tmpl"
      vars     = { names = [each.key, "y"], greeting = "hello" }
    }
  }
  file "/etc/greeting" {
    template = "files/greeting.tmpl"
    vars     = { names = [], greeting = "none", arch = "any" }
    mode     = "0600"
  }
}

export "docker" {}
