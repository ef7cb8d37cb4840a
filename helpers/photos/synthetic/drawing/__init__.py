"""How a street is seen and painted: camera, canvas, materials, light and weather."""
