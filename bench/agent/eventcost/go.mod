module example.com/eventcost

go 1.22
