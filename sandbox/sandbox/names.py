"""The names that seeded people bear; each with its form for an address."""

from __future__ import annotations

FIRST = (
    ("Ada", "ada"),
    ("Ben", "ben"),
    ("Chloé", "chloe"),
    ("Diego", "diego"),
    ("Elif", "elif"),
    ("Farah", "farah"),
    ("Grace", "grace"),
    ("Henrik", "henrik"),
    ("Ingrid", "ingrid"),
    ("Jean-Luc", "jean-luc"),
    ("Katarzyna", "katarzyna"),
    ("Liam", "liam"),
    ("Mary Ann", "maryann"),
    ("Ngozi", "ngozi"),
    ("Oliver", "oliver"),
    ("Priya", "priya"),
    ("Renée", "renee"),
    ("Siobhán", "siobhan"),
    ("Tomás", "tomas"),
    ("Zoë", "zoe"),
    ("明", "ming"),
    ("Владимир", "vladimir"),
    ("محمد", "mohammed"),
    ("עמית", "amit"),
    ("さくら", "sakura"),
    ("Ελένη", "eleni"),
    ("Kim 🌟", "kim"),
)
LAST = (
    ("O'Brien", "o'brien"),
    ("D'Angelo", "dangelo"),
    ("Smith", "smith"),
    ("García Márquez", "garcia"),
    ("Müller", "mueller"),
    ("Nguyễn", "nguyen"),
    ("van der Berg", "vanderberg"),
    ("Øster", "oester"),
    ("Kowalska", "kowalska"),
    ("Okafor", "okafor"),
    ("李", "li"),
    ("Иванова", "ivanova"),
    ("الأندلسي", "alandalusi"),
    ("כהן", "cohen"),
    ("山田", "yamada"),
    ("Παπαδοπούλου", "papadopoulou"),
    ("St. John-Smythe", "stjohn"),
    ("Yıldız", "yildiz"),  # noqa: RUF001 - the dotless i is meant
)
COMPANIES = (
    "Acme & Sons",
    "Bäckerei Süß",
    'The "Quoted" Company',
    "Globex, Inc.",
    "株式会社サンプル",
    "شركة المثال",
    "Rocket 🚀 Labs",
    "Smith; Jones <Partners>",
)
COUNTRIES = ("US", "GB", "DE", "FR", "NG", "IN", "JP", "BR")
INTERESTS = ("tea", "hiking", "jazz", "chess", "sci-fi", "gardening & tools", "日本茶")
TIERS = ("bronze", "silver", "gold", "platinum")
DOMAINS = ("example.com", "example.org", "example.net")
