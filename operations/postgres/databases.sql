-- What docker-compose.postgres.yml starts with: a database for each service, which never reads another's.
CREATE ROLE cdt LOGIN;
CREATE DATABASE registry OWNER cdt ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE activity OWNER cdt ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE funding OWNER cdt ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE notification OWNER cdt ENCODING 'UTF8' TEMPLATE template0;
