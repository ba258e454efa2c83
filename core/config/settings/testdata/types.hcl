store = "~/x"
jobs = var.n
mirrors = { "https://a/" = "https://b/" }
proxy {}
proxy {}
