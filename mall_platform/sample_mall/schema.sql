-- The shop's database, for MySQL 8.4 and MariaDB 10.11 or newer. Every DATETIME is UTC: the server's
-- default time zone, or the session's, must be UTC for the columns that the database fills in.
-- Nothing here guards values (no CHECK, no foreign key): the shop never had it, and the platform's
-- quality rules are there to find what that lets through.

CREATE TABLE IF NOT EXISTS customers (
    customer_id BIGINT NOT NULL AUTO_INCREMENT,
    email VARCHAR(255) NOT NULL,
    name VARCHAR(100) NOT NULL,
    name_kana VARCHAR(100) NULL,
    phone VARCHAR(20) NULL,
    postal_code CHAR(8) NULL,
    prefecture VARCHAR(10) NULL,
    address VARCHAR(255) NULL,
    birth_date DATE NULL,
    gender CHAR(1) NULL,
    password_hash VARCHAR(255) NOT NULL,
    signed_up_at DATETIME(6) NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    PRIMARY KEY (customer_id),
    KEY customers_updated_at (updated_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS categories (
    category_id INT NOT NULL AUTO_INCREMENT,
    name VARCHAR(100) NOT NULL,
    parent_id INT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    PRIMARY KEY (category_id),
    KEY categories_updated_at (updated_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS products (
    product_id BIGINT NOT NULL AUTO_INCREMENT,
    category_id INT NULL,
    name VARCHAR(200) NOT NULL,
    price_yen INT NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    PRIMARY KEY (product_id),
    KEY products_updated_at (updated_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS purchases (
    purchase_id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity INT NOT NULL,
    amount_yen BIGINT NOT NULL,
    return_of BIGINT NULL,
    purchased_at DATETIME(6) NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    PRIMARY KEY (purchase_id),
    KEY purchases_purchased_at (purchased_at),
    KEY purchases_updated_at (updated_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS reviews (
    review_id BIGINT NOT NULL AUTO_INCREMENT,
    purchase_id BIGINT NULL,
    customer_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    rating TINYINT NOT NULL,
    title VARCHAR(200) NULL,
    body TEXT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    PRIMARY KEY (review_id),
    KEY reviews_created_at (created_at),
    KEY reviews_updated_at (updated_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
