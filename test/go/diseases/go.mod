module gorewind.test/diseases

go 1.22
