export "docker" {}
