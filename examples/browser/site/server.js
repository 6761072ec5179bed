const fs = require('fs');
const http = require('http');
const path = require('path');

const page = fs.readFileSync(path.join(__dirname, 'index.html'));
http
  .createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(page);
  })
  .listen(8123, '127.0.0.1');
