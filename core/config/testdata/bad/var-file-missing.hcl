# --var-file nothere.vars.hcl
toolchain "x86_64" {}
export "docker" {}
