"""Who sends: the association as its readers know it. A coordinator keeps it up to date."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Association:
    """Stands in the footer of every mail and page; the law asks for a name and a postal address."""

    name: str
    legal_name: str = ""
    registration_no: str = ""
    address: str = ""
    contact_email: str = ""
    website: str = ""
    about: str = ""

    def tidied(self) -> "Association":
        """The same without blanks around its words, and on one line each: the name stands in the
        sender of every mail, and no header can hold a line break. `about` keeps its paragraphs."""
        lines = {key: " ".join(value.split()) for key, value in asdict(self).items()}
        return Association(**lines | {"about": self.about.strip()})

    def signature(self) -> str:
        """Legal name, number and address on one line, whatever of them there is."""
        number = f"IČO {self.registration_no}" if self.registration_no else ""
        return ", ".join(
            part for part in (self.legal_name or self.name, number, self.address) if part
        )
