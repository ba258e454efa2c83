level = null
